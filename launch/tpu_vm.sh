#!/usr/bin/env bash
# Trains on Cloud TPU: creates the machines, installs this checkout, runs one command, fetches its results and
# deletes the machines, also after errors. The command is the same for one VM and for a pod slice.
#
#   launch/tpu_vm.sh --name=NAME --zone=ZONE --type=v5litepod-8 --out=DIR [--bucket=BUCKET] [--spot]
#     [--version=IMAGE] [--project=PROJECT] [--keep] [--dry_run] -- gengap.main --config=... --workdir=runs/NAME
#
# The command writes below the folder `runs`, which is fetched to DIR. With --bucket, `runs` is a Cloud Storage
# bucket that all machines mount. A slice of several machines needs a bucket, and so does --spot: spot machines can
# be preempted at any time; they are then created again and the run resumes. From a bucket, only the command's
# --workdir (or --out) is fetched, if it names one. --keep does not delete the machines.
set -Eeuo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }
die() { printf 'error: %s\n' "$*" >&2; exit 2; }

root=$(cd "$(dirname "$0")/.." && pwd)
[[ -f $root/pyproject.toml ]] || die "$root is no checkout of gengap, which the machines get: run the script of one"
name='' zone='' type='' out='' bucket='' project='' version='tpu-ubuntu2204-base'
spot='' keep='' dry_run=''
while (($#)); do
  case $1 in
    --name=*) name=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --type=*) type=${1#*=} ;;
    --out=*) out=${1#*=} ;;
    --bucket=*) bucket=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --version=*) version=${1#*=} ;;
    --spot) spot=1 ;;
    --keep) keep=1 ;;
    --dry_run) dry_run=1 ;;
    --help | -h) usage; exit 0 ;;
    --) shift; break ;;
    *) die "$1 is not a flag; see --help" ;;
  esac
  shift
done
for flag in name zone type out; do
  [[ -n ${!flag} ]] || die "--$flag is missing; see --help"
done
(($#)) || die 'the command after -- is missing, such as: gengap.main --config=configs/vae.py --workdir=runs/vae'
# shellcheck disable=SC2088  # the shell does not expand --out=~/runs
[[ $out != '~' && $out != '~/'* ]] || out=$HOME${out#'~'}
url='^(--[a-z_.]+=)?[A-Za-z][-+.A-Za-z0-9]+:/'
for word in "--out=$out" "$@"; do
  [[ ! $word =~ $url ]] || die "$word: it must be a local path; --bucket=BUCKET makes runs a Cloud Storage bucket"
done
module=$(dirname "$0")/../${1//.//}
[[ -e $module.py || -e $module/__main__.py ]] || die "$1 is not a command of this checkout; name one, such as gengap.main"
[[ $name =~ ^[a-z]([-a-z0-9]*[a-z0-9])?$ ]] || die "--name=$name: small letters, digits and - only"
[[ -z $spot || -n $bucket ]] || die '--spot needs --bucket: files on a preempted machine are lost'
[[ -z $bucket || $bucket =~ ^[a-z0-9][-_.a-z0-9]*$ ]] || die "--bucket=$bucket: give its name alone, such as my-bucket"
[[ -n $bucket || ! ${type##*-} =~ ^[0-9]+$ ]] || ((${type##*-} <= 8)) ||
  die "--type=$type has several machines, which need --bucket to see the same folder"
made_in='' # below `runs`
before=''
for word; do
  [[ $before != --workdir && $before != --out ]] || word=$before=$word # of --workdir DIR
  before=$word
  case $word in
    --workdir=runs/?* | --out=runs/?*) made_in=${word#*=runs/} ;;
    --workdir=*) die "$word: it must lie below runs, such as --workdir=runs/NAME; nothing else is fetched" ;;
  esac
done
if [[ -n $dry_run ]]; then
  [[ ! -e $out || -d $out ]] || die "--out=$out is no folder"
else
  { mkdir -p "$out" && [[ -w $out ]]; } 2> /dev/null || die "--out=$out cannot be written"
  command -v gcloud > /dev/null || die 'gcloud is not installed: see https://cloud.google.com/sdk/docs/install'
fi

where=(--zone="$zone" ${project:+--project="$project"})
poll=${GENGAP_POLL_SECONDS:-20} # seconds between checks of a new machine
tries=${GENGAP_TRIES:-5}        # attempts to create machines, and to reconnect

# Google's package of gcsfuse, by its instructions
# shellcheck disable=SC2016  # the machine expands it
gcsfuse='command -v gcsfuse > /dev/null || {
  curl -fsS https://packages.cloud.google.com/apt/doc/apt-key.gpg | sudo tee /usr/share/keyrings/gcsfuse.asc > /dev/null
  echo "deb [signed-by=/usr/share/keyrings/gcsfuse.asc] https://packages.cloud.google.com/apt gcsfuse-$(lsb_release -cs) main" |
    sudo tee /etc/apt/sources.list.d/gcsfuse.list > /dev/null
  sudo apt-get update -qq && sudo apt-get install -y -qq gcsfuse
}'

run() { # prints a command and runs it
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  [[ -n $dry_run ]] || "$@"
}
tpu() { run gcloud compute tpus tpu-vm "$@" "${where[@]}"; }
on() { tpu ssh "$name" --worker="$1" --command="$2"; }
state() { gcloud compute tpus tpu-vm describe "$name" "${where[@]}" --format='value(state)' 2>/dev/null || true; }

made=''
package=''
# shellcheck disable=SC2317  # the trap calls it
finish() { # runs on every exit
  local status=$?
  trap - EXIT INT TERM
  [[ -z $package ]] || rm -f "$package"
  if [[ -n $made && -z $keep ]]; then
    tpu delete "$name" --quiet || printf 'error: %s may still be running and cost money; delete it\n' "$name" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# bash ignores `set -e` in the functions below, because they are called in conditions: every step is checked.

create() {
  local now=''
  made=1
  tpu create "$name" --accelerator-type="$type" --version="$version" ${spot:+--spot} || return
  [[ -z $dry_run ]] || return 0
  for _ in {1..90}; do
    now=$(state)
    [[ $now != READY ]] || return 0
    sleep "$poll"
  done
  printf '%s did not become ready: %s\n' "$name" "${now:-no such machine}" >&2
  return 1
}

install() {
  package=${package:-$(mktemp --suffix=.tar.gz)}
  run git -C "$root" archive --format=tar.gz --output="$package" HEAD &&
    tpu scp "$package" "$name:gengap.tar.gz" --worker=all &&
    on all 'mkdir -p gengap/runs && tar -xzf gengap.tar.gz -C gengap' &&
    on all 'python3 -m pip install --quiet --user uv && python3 -m uv venv --clear --python=3.11 venv' &&
    on all 'python3 -m uv pip install --quiet --python=venv "jax[tpu]" ./gengap' || return
  if [[ -n $bucket ]]; then
    on all "$gcsfuse" &&
      on all "mountpoint -q gengap/runs || gcsfuse --implicit-dirs $(printf %q "$bucket") gengap/runs"
  fi
}

start() {
  local command
  command=$(printf ' %q' "$@")
  command="venv/bin/python -m$command"
  command="cd gengap && ../$command > ../log 2>&1; echo \$? > ../status"
  on all "rm -f log status; touch log; nohup bash -c $(printf %q "$command") > /dev/null 2>&1 & echo \$! > pid"
}

follow() { # prints the first machine's log; returns the status of the command, or 255 if it is unknown
  # shellcheck disable=SC2016  # the machine expands it
  on 0 'tail --pid="$(cat pid)" -n +1 -F log' || return 255
  [[ -z $dry_run ]] || { on 0 'cat status'; return 0; }
  local status
  status=$(on 0 'cat status') || return 255
  [[ $status =~ ^[0-9]+$ ]] || return 255
  return "$status"
}

attempt() { # creates machines and runs the command once; returns the status of follow
  local status
  if ! { create && install && start "$@"; }; then
    [[ $(state) != READY ]] || die "$name: the last printed command failed"
    return 255
  fi
  for _ in $(seq "$tries"); do
    status=0
    follow || status=$?
    ((status == 255)) || return "$status"
    [[ $(state) == READY ]] || return 255
    printf '%s: the connection was lost; reconnecting\n' "$name" >&2
    sleep "$poll"
  done
  return 255
}

fetch() {
  if [[ -n $bucket ]]; then
    local below=${made_in:+/${made_in%/}}
    run mkdir -p "$out$below"
    run gcloud storage rsync --recursive "gs://$bucket$below" "$out$below" ${project:+--project="$project"}
  else
    tpu scp --recurse "$name:gengap/runs/*" "$out" --worker=0
  fi
}

status=255
for number in $(seq "$tries"); do
  status=0
  attempt "$@" || status=$?
  ((status == 255)) || break
  [[ -n $spot ]] || die "$name could not be created or was lost"
  printf '%s: attempt %d of %d ended: the machines could not be created, or were preempted\n' "$name" "$number" "$tries" >&2
  tpu delete "$name" --quiet || true
  made=''
  sleep "$poll"
done
((status != 255)) || die "$name failed $tries times; run the same command again to continue"
fetch
exit "$status"
