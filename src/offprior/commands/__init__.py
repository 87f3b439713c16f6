"""What the commands of `offprior` do, for Python as well: run, pretrain, probe, report, atlas, list, describe."""
