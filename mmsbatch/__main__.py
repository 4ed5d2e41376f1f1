"""``python -m mmsbatch``: the command line where the script is not on the path."""

from mmsbatch.cli import main

main()
