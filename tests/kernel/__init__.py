"""The kernel as judge: rulesets loaded into network namespaces, real connections and packets sent through them."""
