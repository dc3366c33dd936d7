# Kubernetes' programs. Without the stamp a kubelet calls itself v0.0.0-master, and clients believe it.
version=$(module_version k8s.io/kubernetes)
numbers=${version#v}
minor=${numbers#*.}
stamp="-X k8s.io/component-base/version.gitVersion=$version
  -X k8s.io/component-base/version.gitMajor=${numbers%%.*}
  -X k8s.io/component-base/version.gitMinor=${minor%%.*}
  -X k8s.io/component-base/version.gitTreeState=clean"
commands=k8s.io/kubernetes/cmd
for program in kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
  programs[$program]="$commands/$program"
done
