# The CNI plugins that a node's network is made of.
version=$(module_version github.com/containernetworking/plugins)
stamp="-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$version"
plugins=github.com/containernetworking/plugins/plugins
programs[cni]="$plugins/main/bridge $plugins/main/ptp $plugins/main/loopback $plugins/ipam/host-local
  $plugins/meta/portmap $plugins/meta/bandwidth $plugins/meta/firewall $plugins/meta/tuning"
