#!/bin/sh
# Inside the test machine: suites.sh RESULTS WHO [PYTEST ARGUMENT...] runs the tests that the arguments name as WHO, which is root or
# ordinary. RESULTS gets WHO.xml, WHO.log, WHO.rc and WHO.requests; the exit status says only whether it came to that.
set -u
results=$1 who=$2 home=/tmp/$2
shift 2
id=1500
tree=$PWD
become=
mkdir -p "$home/tmp"
: >"$home/requests" # of tests that make no sandbox nothing is recorded

# The tree as the ordinary user can reach it: itself, or a copy.
if [ "$who" = ordinary ]; then
  become="setpriv --reuid $id --regid $id --clear-groups --inh-caps=-all"
  if ! $become test -r build/dev/styrolite-helper -a -r tests/system; then
    tree=/tmp/tree
    mkdir -p "$tree/build"
    cp -a tests core "$tree/"
    cp -a build/dev "$tree/build/"
  fi
  chown -R "$id:$id" "$home"
fi

cd "$tree" || exit 1
# shellcheck disable=SC2086
$become env HOME="$home" TMPDIR="$home/tmp" STYRO_BUILD="$tree/build/dev" STYRO_REQUESTS="$home/requests" STYRO_WAIT=600 \
  timeout -k 5 "${STYRO_VM_SECONDS:-280}" /usr/bin/python3 -m pytest -q -p no:cacheprovider --durations=10 \
  --junit-xml="$home/xml" -o junit_family=xunit1 "$@" >"$home/log" 2>&1
echo $? >"$home/rc"
# what it left is in the machine's own files, and is copied as root
for part in log xml rc requests; do
  cp "$home/$part" "$results/$who.$part"
done
