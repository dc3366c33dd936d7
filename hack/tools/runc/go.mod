module podwright/hack/tools/runc

go 1.26.2

require github.com/opencontainers/runc v1.5.2
