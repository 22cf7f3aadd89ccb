"""typed.py DOCUMENT FOLDER: types the commands of a document, and sees what it shows.

Lines after "$ " in blocks of ```console are typed in FOLDER, each in a shell of its own; the lines
below one are what it prints. Digests may differ, and no command may fail.
"""
import re
import subprocess
import sys

document, folder = sys.argv[1:]
blocks = re.findall(r"^```console\n(.*?)^```", open(document, encoding="utf-8").read(), re.M | re.S)


def plain(text):
    return re.sub(r"\b[0-9a-f]{16,64}\b", "DIGEST", text).strip()


typed = 0
for block in blocks:
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, want = part.partition("\n")
        got = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if got.returncode != 0 or plain(got.stdout) != plain(want):
            sys.exit(f"{document}: $ {command}\nexit code {got.returncode}\nwant\n{want}\ngot\n{got.stdout}")
        typed += 1
if typed < 5:
    sys.exit(f"{document}: only {typed} commands")
print(f"{document}: {typed} commands typed, each prints what the page shows")
