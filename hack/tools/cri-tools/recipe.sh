# crictl; critest, which is a Go test program; and what runs several processes of it side by side.
version=$(module_version sigs.k8s.io/cri-tools)
stamp="-X sigs.k8s.io/cri-tools/pkg/version.Version=$version"
programs[crictl]='sigs.k8s.io/cri-tools/cmd/crictl'
programs[ginkgo]='github.com/onsi/ginkgo/v2/ginkgo'
test_programs[critest]='sigs.k8s.io/cri-tools/cmd/critest'
