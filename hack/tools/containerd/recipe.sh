# containerd 2.4 with its shim and ctr. Pure Go, without the snapshotters that need C libraries.
version=$(module_version github.com/containerd/containerd/v2)
tags='no_btrfs no_devmapper no_zfs'
stamp="-X github.com/containerd/containerd/v2/version.Version=$version"
commands=github.com/containerd/containerd/v2/cmd
programs[containerd]="$commands/containerd $commands/containerd-shim-runc-v2 $commands/ctr"
