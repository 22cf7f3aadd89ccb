"""Runs scripts, each in a fork of this process, which has imported the libraries: that takes seconds, a fork takes none.

A line of standard input is a script to run: its folder, its arguments, its environment, and files for what it prints. A line of standard output is
its exit code."""
import json, os, runpy, sys

import backend, langgraph.checkpoint.postgres, langgraph.checkpoint.sqlite, langgraph.func, langgraph.graph.message, langgraph.prebuilt, langgraph.store.postgres, langgraph.store.sqlite, psycopg  # noqa: F401


def run(dir, args, env, out, err):
    os.chdir(dir)
    os.environ.clear()
    os.environ.update(env)
    for name, fd, how in (os.devnull, 0, os.O_RDONLY), (out, 1, os.O_WRONLY), (err, 2, os.O_WRONLY):
        os.dup2(os.open(name, how), fd)
    sys.argv, sys.path[0] = args, dir
    runpy.run_path(args[0], run_name="__main__")
    sys.exit()


while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        run(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
