module podwright/hack/tools/protos

go 1.26.2

// Read, never built: the wire contracts that proto/ restates. containerd/api is the version that the
// containerd of ../containerd asks for.
require (
	github.com/containerd/containerd/api v1.12.0
	k8s.io/cri-api v0.37.2
)
