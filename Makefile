# make run | test are the README's two commands; the rest mirrors the tutorial's Makefile. LAB= names the provider, NAME= the lab.
LAB  ?= sandbox
NAME ?= netns-lab
BIN  := build/release/netns-lab
.PHONY: build run test up shell destroy bench install clean

build: build/release/build.ninja
	@cmake --build build/release

build/release/build.ninja: CMakeLists.txt CMakePresets.json cmake/*.cmake suites/CMakeLists.txt
	@ci/bootstrap
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; rm -f build-configure.log; exit 1; }
	@rm -f build-configure.log
