"""The goal `stateless`: nothing is tracked. `transform` writes a ruleset so, `exposure` says what that costs."""
