# podwright: `make help` lists what there is to make. Every target sets up by itself what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# A test that skips itself on a machine of ours has tested nothing.
mocha := npx mocha --config .mocharc.json $(if $(CI),--forbid-pending)

# Built before what needs them begins: a test's time is not meant for that.
cluster_tools := containerd runc cni crictl kubelet kubectl etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy

# What dist/ is made from; a build leaves a newer dist/.built.
sources := $(shell find src proto hack/build.mjs hack/generate-types.mjs tsconfig.json tsconfig.build.json package-lock.json -type f -not -path 'src/types/*')

.PHONY: help setup build generate lint types check-proto unit integration e2e test critest node-e2e tools demo demo-stop cluster cluster-stop bench bench-cluster clean

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## installs Debian and npm packages that are missing
	@hack/setup.sh

build: setup dist/.built ## compiles src/ into dist/

dist/.built: $(sources)
	node hack/build.mjs
	@touch $@

generate: setup ## writes src/types from proto/
	node hack/generate-types.mjs

lint: generate ## checks style and floating promises
	npx oxlint --type-aware --deny-warnings src test hack

types: generate ## checks types, tests and hack/ included
	npx tsc -p tsconfig.json --noEmit

check-proto: setup ## compares proto/ with the upstream contracts
	node --import tsx hack/check-proto.ts

unit: generate ## runs the tests that need neither root nor tools
	$(mocha) 'test/unit/**/*.test.ts'

integration: build ## runs the tests against a real containerd, runc and CNI (root); FILES=... for some
	$(mocha) --timeout 120000 $(or $(FILES),'test/integration/**/*.test.ts')

e2e: build ## runs Pods of a real kubelet, and a cluster (root); FILES=... for some
	@hack/tools/build.sh $(cluster_tools) > /dev/null
	$(mocha) --timeout 300000 $(or $(FILES),'test/e2e/**/*.test.ts')

# One after the other also under -j: they share dist/ and src/types, and two cores are few for two nodes.
test: ## runs every check and test of our own
	@for target in setup build lint types check-proto unit integration e2e; do \
		echo "== make $$target"; $(MAKE) --no-print-directory $$target || exit 1; done

critest: build ## runs upstream's CRI conformance tests (root); PARALLEL=2 for two at a time, FOCUS=... for some
	node --import tsx hack/critest.ts --parallel=$(or $(PARALLEL),1) $(if $(FOCUS),--focus='$(FOCUS)')

node-e2e: build ## runs Kubernetes' node suite (root); PART=1/3 for a third, FOCUS=... for some, RUNTIME=containerd to compare
	node --import tsx hack/node-e2e.ts --part=$(or $(PART),1/1) --procs=$(or $(PROCS),6) --runtime=$(or $(RUNTIME),podwright) $(if $(FOCUS),--focus='$(FOCUS)')

tools: setup ## builds containerd, runc, CNI plugins, the kubelet and upstream's suites into the cache
	hack/tools/build.sh containerd containerd-lts runc cni crictl critest ginkgo kubelet e2e-node agnhost

demo: build ## has a kubelet run a Pod through podwright; KEEP=1 leaves it running
	@hack/tools/build.sh containerd runc cni crictl kubelet > /dev/null
	@KEEP=$(KEEP) node --import tsx hack/demo.ts

demo-stop: setup ## ends what make demo KEEP=1 left running
	@node --import tsx hack/demo.ts --stop

cluster: build ## brings up a cluster on podwright and leaves it running (root); RUNTIME=containerd for one without podwright
	@hack/tools/build.sh $(cluster_tools) > /dev/null
	@node --import tsx hack/cluster.ts --runtime=$(or $(RUNTIME),podwright)

cluster-stop: setup ## takes down what make cluster left running
	@node --import tsx hack/cluster.ts --stop

bench: build ## compares podwright with containerd's own CRI
	node --import tsx hack/bench/bench.ts

bench-cluster: build ## has 100 Pods started at once in a cluster, on podwright and on containerd's own CRI (root)
	@hack/tools/build.sh $(cluster_tools) > /dev/null
	node --import tsx hack/bench/cluster.ts

clean: ## removes what was built, not the cache of tools
	rm -rf dist src/types coverage
