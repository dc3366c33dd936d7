# crictl, and critest, which is a Go test program.
version=$(module_version sigs.k8s.io/cri-tools)
stamp="-X sigs.k8s.io/cri-tools/pkg/version.Version=$version"
programs[crictl]='sigs.k8s.io/cri-tools/cmd/crictl'
test_programs[critest]='sigs.k8s.io/cri-tools/cmd/critest'
