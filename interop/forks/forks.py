"""Runs scripts, each in a fork of this process, which has imported the modules of its arguments: that takes seconds, a fork takes none.

A line of standard input is a script to run: its folder, its arguments, its environment, and files for what it reads and prints. A line of standard
output is its exit code."""
import importlib, json, os, runpy, sys

sys.path[0] = os.getcwd()
for module in sys.argv[1:]:
    importlib.import_module(module)


def run(dir, args, env, files):
    os.chdir(dir)
    os.environ.clear()
    os.environ.update(env)
    for fd, (name, how) in enumerate(zip(files, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
        os.dup2(os.open(name, how), fd)
    sys.argv, sys.path[0] = args, dir
    runpy.run_path(args[0], run_name="__main__")
    sys.exit()


while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        run(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
