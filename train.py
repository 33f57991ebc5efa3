"""python train.py [group=option] [key=value] …: the command `cnnlab`, from the repository.

Hydra's tab completion looks for the words @hydra.main in this file; they are in cnnlab/cli/main.py.
"""

import sys

from cnnlab.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
