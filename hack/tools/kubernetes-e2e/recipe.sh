# Kubernetes' own suite for a node, with what runs several processes of it side by side; and the program that
# most of its Pods run.
version=$(module_version k8s.io/kubernetes)
numbers=${version#v}
minor=${numbers#*.}
stamp="-X k8s.io/component-base/version.gitVersion=$version
  -X k8s.io/component-base/version.gitMajor=${numbers%%.*}
  -X k8s.io/component-base/version.gitMinor=${minor%%.*}
  -X k8s.io/component-base/version.gitTreeState=clean"
programs[e2e-node]='github.com/onsi/ginkgo/v2/ginkgo'
test_programs[e2e-node]='k8s.io/kubernetes/test/e2e_node'
programs[agnhost]='k8s.io/kubernetes/test/images/agnhost'
