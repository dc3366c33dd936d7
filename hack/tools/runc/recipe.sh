# runc speaks to libseccomp over cgo; it carries its own version in a file.
cgo=1
tags='seccomp'
programs[runc]='github.com/opencontainers/runc'
