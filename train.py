"""python train.py [group=option] [key=value] …: the command `cnnlab`, from the repository.

Hydra's tab completion looks for the words @hydra.main in this file; they are in cnnlab/cli/main.py.
"""

import sys

try:
    from cnnlab.cli.start import main
except KeyboardInterrupt:  # it handles signals, and takes a twentieth of a second to import
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
