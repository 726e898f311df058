"""The guide's names as installed in a folder, run against a server with the guide's paths below that folder."""

import os
import pathlib
import signal
import subprocess

from conftest import binary

# The longest makes a month's PDFs on a loaded machine.
LIMIT_S = 300


class Wrappers:
    """`scripts/NAME` in a folder of their own."""

    def __init__(self, directory, server):
        self.directory, self.server = directory, server
        self.root = directory / "root"
        # The guide writes its reports there.
        (self.root / "tmp").mkdir(parents=True)
        subprocess.run(
            [binary("FLOWGAUGE_BIN"), "shims", "install", "--dir", "scripts"], cwd=directory, check=True,
            stdout=subprocess.DEVNULL,
        )

    def path(self, guides):
        """Where a path of the guide lies here."""
        return self.root / pathlib.PurePath(guides).relative_to("/")

    def start(self, command):
        """A command of the guide, begun."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FLOWGAUGE") or k == "FLOWGAUGE_CACHE"}
        environment = kept | {
            "FLOWGAUGE_BIN": binary("FLOWGAUGE_BIN"), "FLOWGAUGE_SERVER": self.server.url,
            "FLOWGAUGE_GUIDE_ROOT": str(self.root), "TZ": "UTC",
        }
        return subprocess.Popen(
            command.split(), cwd=self.directory, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )

    def run(self, command, seconds=LIMIT_S, interrupt=False):
        """Exit code, standard output and what was told to people; a live one is interrupted after `seconds`."""
        process = self.start(command)
        try:
            out, told = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT if interrupt else signal.SIGKILL)
            out, told = process.communicate(timeout=LIMIT_S)
        return process.returncode, out, told
