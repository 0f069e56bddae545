# Sourced by bin/up, bin/test and bin/ci: makes .venv and keeps it in step with pyproject.toml.
# Expects $root, the checkout's folder.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Debian and Ubuntu ship Python without venv's seed; only trying shows it.
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Prints the first Python that is new enough and can make environments; 1 when there is none.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && usable "$candidate" && has_venv "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

why_no_python() {
    local candidate version
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            die "Python $version is here, but it cannot make environments: its module venv is missing." \
                "Debian, Ubuntu: apt-get install python$version-venv"
        fi
    done
    version=$(python3 -V 2>&1) || version="no python3 on PATH"
    die "Counterfoil needs Python 3.11 or newer; found: $version." \
        "Debian, Ubuntu: apt-get install python3 python3-venv. macOS: brew install python@3.12"
}

# apt_install PACKAGE...: 1 when this user or system cannot.
apt_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || return 1
    say "installing with apt-get: $*"
    apt-get update -qq >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# What the environment was made from: the place (its scripts name it) and what was asked for.
recipe() {
    printf '%s\n' "$root"
    cat "$root/pyproject.toml" "$root/constraints.txt"
}

# Whether .venv was made in this place: a checkout that was moved or copied has scripts that name the old one.
here() { [ -x "$root/.venv/bin/python" ] && grep -qF "$root/.venv" "$root/.venv/bin/activate"; }

# environment EXTRAS: .venv with the package, editable, and these extras. Installs again only when
# the recipe changed since the last time that it worked.
environment() {
    local extras=$1 stamp="$root/.venv/.installed-$1" python
    if recipe | cmp -s - "$stamp" 2>/dev/null; then
        return
    fi
    if ! { here && "$root/.venv/bin/python" -m pip --version; } >/dev/null 2>&1; then
        python=$(find_python) || why_no_python
        say "making the environment in .venv with $("$python" -V)"
        "$python" -m venv --clear "$root/.venv" || die "could not make $root/.venv"
    fi
    say "installing Counterfoil's dependencies into .venv: a minute or two, and only when pyproject.toml changed"
    (cd "$root" && .venv/bin/python -m pip install -qq --disable-pip-version-check \
        -c constraints.txt -e ".[$extras]") >&2 ||
        die "the installation failed; the lines above say why. It is tried again by the next start."
    recipe >"$stamp"
}
