"""Makes the weights of the second opinion from labelled replies and wordings. Standard library only, and the same every time."""
