"""The commands of `offprior` as Python functions: run, pretrain, probe, report, atlas, list, describe."""
