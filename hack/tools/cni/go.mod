module podwright/hack/tools/cni

go 1.26.2

require github.com/containernetworking/plugins v1.9.1
