"""Linter and rewriter for iptables rulesets, and for the settings that belong to them."""

__version__ = "0.1.0"
