"""Chains that other programs make and change while they run, told by their names. Knows no ruleset.

Names as the sources of these programs have them: fail2ban (action.d/iptables.conf), Docker, kube-proxy, Calico, Cilium,
libvirt, ufw, sshguard, the firewall bouncer of CrowdSec, Tailscale (util/linuxfw), Neutron (agent/linux/
iptables_manager.py), the CNI plugins, Netavark of Podman, the firewall of Proxmox VE (PVE/Firewall.pm), flannel
(pkg/trafficmngr/iptables), Weave Net, Istio (tools/istio-iptables), NetworkManager (nm-firewall-utils.c).
"""

from __future__ import annotations

_OWNERS = (
    ("f2b-", "fail2ban"),
    ("fail2ban-", "fail2ban"),
    ("DOCKER", "Docker"),
    ("KUBE-", "kube-proxy"),
    ("cali-", "Calico"),
    ("CILIUM_", "Cilium"),
    ("LIBVIRT_", "libvirt"),
    ("ufw-", "ufw"),
    ("ufw6-", "ufw"),
    ("sshguard", "sshguard"),
    ("CROWDSEC", "CrowdSec"),
    ("ts-input", "Tailscale"),
    ("ts-forward", "Tailscale"),
    ("ts-postrouting", "Tailscale"),
    ("neutron-", "Neutron"),
    ("CNI-", "CNI"),
    ("NETAVARK", "Netavark"),
    ("PVEFW-", "Proxmox VE"),
    ("FLANNEL-", "flannel"),
    ("WEAVE", "Weave Net"),
    ("ISTIO_", "Istio"),
    ("nm-sh-", "NetworkManager"),
)


def owner_of(chain: str) -> str | None:
    """The program that a chain belongs to, None if it is the administrator's own."""
    return next((owner for prefix, owner in _OWNERS if chain.startswith(prefix)), None)
