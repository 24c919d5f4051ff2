"""What tests of scripts want of the machine that they run on."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def _can_make_namespaces() -> bool:
    wanted = ("unshare", "iptables-nft-restore", "iptables-legacy-restore", "ip")
    if os.geteuid() != 0 or not all(map(shutil.which, wanted)):
        return False
    return subprocess.run(["unshare", "-nm", "true"], check=False, capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(not _can_make_namespaces(), reason="wants root, iptables and network namespaces")
needs_shellcheck = pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
