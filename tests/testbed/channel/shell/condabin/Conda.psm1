# `conda init` insists on this file. The bed has no such shell.
