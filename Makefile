# Vigil needs Python 3.11 or newer, git and make; everything else goes into .venv.
#
#   make demo     a simulated clinic in the browser, e.g. ARGS="--port 8060"
#   make test     what CI runs: lint, types, import contracts, all tests
#   make bench    one cell of the measurements, e.g. CELL=live-16
#   make soak     nine bad lines at once, MINUTES=20 of the clinic's time; nothing may get lost or grow
#   make soak-screens   hours of alarms on four screens, e.g. ARGS="--minutes 20"; nothing may grow
#   make fuzz     bad bytes into every decoder, a minute each (Linux); e.g. ARGS="--seconds 5 ge-dri"
#   make install  the environment alone
#   make lock     new hashed locks from pyproject.toml, e.g. ARGS=--upgrade

BIN := .venv/bin
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python3.14,$(shell \
	$(p) -c 'import ensurepip, sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
PIP := $(BIN)/python -m pip install -qq --no-input --no-compile --disable-pip-version-check
UV_COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

# Without byte code the first import takes eight seconds; a user install has no place in .venv.
unexport PYTHONDONTWRITEBYTECODE PIP_USER

.PHONY: install install-dev demo test bench soak soak-screens fuzz lock

install: .venv/.done
install-dev: .venv/.done-dev

demo: .venv/.done
	@$(BIN)/vigil demo $(ARGS)

test: .venv/.done-dev
	@$(BIN)/python -m tests.browser
	$(BIN)/ruff check -q
	$(BIN)/ruff format -q --check
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

bench: .venv/.done-dev
	@$(BIN)/python -m tests.bench $(CELL)

MINUTES ?= 20
soak: .venv/.done-dev
	@$(BIN)/python -m tests.soak.lines --minutes $(MINUTES) $(ARGS)

soak-screens: .venv/.done-dev
	@$(BIN)/python -m tests.soak $(ARGS)

fuzz: .venv/.done-fuzz
	@$(BIN)/python -m tests.fuzz $(ARGS)

lock:
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/python -m pip install -qq uv
	.venv/lock/bin/$(UV_COMPILE) pyproject.toml --group build -o requirements/app.txt $(ARGS)
	.venv/lock/bin/$(UV_COMPILE) pyproject.toml --group build --group dev -c requirements/app.txt \
		-o requirements/dev.txt $(ARGS)
	.venv/lock/bin/$(UV_COMPILE) --group fuzz -c requirements/dev.txt \
		-o requirements/fuzz.txt $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Vigil needs Python 3.11 or newer with its venv module" \
		"(Debian: apt-get install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv .venv

# Byte code is written once for all and on every core, less the tests that libraries ship; some
# of what they ship is not meant to compile, which is no fault of the installation.
define installed
	@echo "Installing the locked packages into .venv (about half a minute) ..."
	@$(PIP) --require-hashes --only-binary :all: -r $<
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests/' .venv/lib || true
	@touch $@
endef

.venv/.done: requirements/app.txt pyproject.toml | .venv/bin/python
	$(installed)

# The dev lock holds the app lock, version for version.
.venv/.done-dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(installed)
	@touch .venv/.done

# The fuzzer alone, on top: whoever does not fuzz need not fetch it.
.venv/.done-fuzz: requirements/fuzz.txt .venv/.done-dev
	@$(PIP) --require-hashes --only-binary :all: -r $<
	@touch $@
