"""Makes one variant of a model, or compares two models: one JSON job on stdin, one JSON answer on stdout.

Job:    a line with an object; its `action` is `convert`, `compare` or `versions`. stdin stays open for as long as the caller
        lives: its end means that nobody waits for the answer any more, and ends this process and all it started.
Answer: `{"ok": {..}}`, or `{"error": {"kind": .., "message": ..}}` with a kind of src/answer.rs. Exit code 0 either way.
Whatever libraries print goes to stderr.
"""

import errno
import json
import os
import signal
import sys
import threading
import traceback


def end_with_the_caller():
    # Not through sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    # The caller made this process the leader of a group, so that whatever it started ends too.
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def act(job):
    # Imported here, so that a package that is missing is an answer and not a traceback.
    import agreement
    import models
    import recipes

    actions = {"convert": recipes.convert, "compare": agreement.compare, "versions": lambda _: models.versions()}
    action = actions.get(job.get("action"))
    if action is None:
        raise models.Refused("bad-job", f"unknown action `{job.get('action')}`: one of {', '.join(actions)}")
    return action(job)


def answer(line):
    try:
        job = json.loads(line)
        if not isinstance(job, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return failure("bad-job", f"the job is not JSON: {error}")
    try:
        return {"ok": act(job)}
    except ImportError as error:
        return failure("module-missing", str(error))
    except MemoryError:
        return failure("out-of-memory", "Python found no more memory")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return failure("disk-full" if full else "failed", str(error))
    except Exception as error:
        # The script's own refusals name their kind; anything else is a converter's, and its traceback says where.
        kind = getattr(error, "kind", None)
        if kind is None:
            traceback.print_exc()
            return failure("failed", f"{type(error).__name__}: {error}")
        return failure(kind, str(error))


def failure(kind, message):
    return {"error": {"kind": kind, "message": message}}


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    line = sys.stdin.buffer.readline()
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    print(json.dumps(answer(line)), file=out, flush=True)
    sys.stderr.flush()
    # Without the interpreter's own end: a library's thread must not keep the process after its answer.
    os._exit(0)


if __name__ == "__main__":
    main()
