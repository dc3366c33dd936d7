# etcd, where an API server keeps its objects. The root of its server module is the program.
programs[etcd]='go.etcd.io/etcd/server/v3'
