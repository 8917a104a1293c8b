"""Runs a module as `python -m` does, for as long as stdin stays open: its end kills the whole process group.

The caller keeps stdin open while it lives, so that a download does not go on for a caller who is gone.
"""

import os
import runpy
import signal
import sys
import threading


def end_with_the_caller():
    # Not through sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    # The caller made this process the leader of a group.
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


threading.Thread(target=end_with_the_caller, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
