module podwright/hack/tools/cri-tools

go 1.26.2

require (
	// As critest is built with: its parallel processes are run by this one.
	github.com/onsi/ginkgo/v2 v2.28.1
	sigs.k8s.io/cri-tools v1.36.0
)
