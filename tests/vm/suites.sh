#!/bin/sh
# Inside the test machine: suites.sh RESULTS [PYTEST ARGUMENT...] runs the tests that the arguments name as root and as an ordinary
# user, at the same time. RESULTS gets WHO.xml, WHO.log, WHO.rc and WHO.requests of each; the exit status says only whether it came to that.
set -u
results=$1
shift
id=1500

# The tree as the ordinary user can reach it: itself, or a copy.
tree=$PWD
ordinary="setpriv --reuid $id --regid $id --clear-groups --inh-caps=-all"
if ! $ordinary test -r build/dev/styrolite-helper -a -r tests/system; then
  tree=/tmp/tree
  mkdir -p "$tree/build"
  cp -a tests core "$tree/"
  cp -a build/dev "$tree/build/"
fi

# run WHO TREE PREFIX [WORD...]: what it leaves is written in the machine's own memory and copied as root.
run() {
  who=$1 home=/tmp/$1 become=$3
  cd "$2" || exit 1
  shift 3
  # shellcheck disable=SC2086
  $become env HOME="$home" TMPDIR="$home/tmp" STYRO_BUILD="$PWD/build/dev" STYRO_REQUESTS="$home/requests" timeout -k 5 "${STYRO_VM_SECONDS:-280}" \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider --durations=10 --junit-xml="$home/xml" -o junit_family=xunit1 "$@" \
    >"$home/log" 2>&1
  echo $? >"$home/rc"
  for part in log xml rc requests; do
    cp "$home/$part" "$results/$who.$part"
  done
}

mkdir -p /tmp/root/tmp /tmp/ordinary/tmp
touch /tmp/root/requests /tmp/ordinary/requests # of tests that make no sandbox nothing is recorded
chown -R "$id:$id" /tmp/ordinary
(run root "$PWD" '' "$@") &
root=$!
(run ordinary "$tree" "$ordinary" "$@")
wait $root
