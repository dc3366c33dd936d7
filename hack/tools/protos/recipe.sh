# The .proto files of the CRI (protos/k8s.io/cri-api) and of containerd's API (protos/github.com/containerd/containerd/api).
sources[protos]='k8s.io/cri-api github.com/containerd/containerd/api'
source_pattern='*.proto'
