# make run | test are the README's two commands; up | shell | destroy mirror the tutorial's Makefile. LAB= names the provider, NAME= the lab.
#
#   make run                   judge the shipped script of part 1 in a sandbox: packages, build, verdict, report
#   make up && make run        the same in a lab that stays; make shell looks around in it, make destroy ends it
#   make test                  every test of this project; make test LAB=qemu: every scenario that our own target builds, judged in such a lab
LAB  ?= sandbox
NAME ?= netns-lab
BUILD := build/release
BIN   := $(BUILD)/netns-lab
.PHONY: build run test up shell destroy bench soak install clean configure

build: configure
	@cmake --build $(BUILD) --target netns-lab

configure: $(BUILD)/build.ninja

$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json suites/CMakeLists.txt $(wildcard cmake/*.cmake) ci/packages.txt
	@ci/bootstrap
	@mkdir -p $(BUILD)
	@cmake --preset release >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }
	@touch $@

run: build
	@$(BIN) test single-namespace --target script:fixtures/scenarios/single-namespace --lab $(LAB) --name $(NAME)

# Without what virtual machines need, their tests are skipped and say so. More at once than there are processors: a test
# counts as two, one of a broken network as one (cmake/NetnsLabLibrary.cmake), which is mostly waited for.
ifeq ($(LAB),sandbox)
test: configure
	-@ci/bootstrap --vm
	@cmake --build $(BUILD)
	@ctest --preset release --parallel $$(($$(nproc) * 2 + 4))
else
test: build
	@$(BIN) test --lab $(LAB) --name $(NAME)
endif

up: build
	@$(BIN) up --lab $(LAB) --name $(NAME)

shell: build
	@$(BIN) shell --lab $(LAB) --name $(NAME)

destroy: build
	@$(BIN) destroy --lab $(LAB) --name $(NAME)

bench: configure
	@cmake --build $(BUILD) --target netns-lab benchmarks
	@ci/bench $(BUILD)

# Right networks of every sort, with every core busy: SAMPLES= of each scenario, SEED= which ones.
soak: build
	@ci/soak --samples $(or $(SAMPLES),200) --seed $(or $(SEED),1) --binary $(BIN)

install: configure
	@cmake --build $(BUILD)
	@cmake --install $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

clean:
	@rm -rf build netns-lab-report
