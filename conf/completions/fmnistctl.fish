fmnistctl completion fish | source
