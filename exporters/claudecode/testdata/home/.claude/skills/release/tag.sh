git tag "$1"
