#!/usr/bin/env bash
# Trains on Cloud TPU: creates the machines, installs this checkout, runs one command, fetches what it made
# and deletes the machines, whatever happens on the way. One VM or a pod slice; the command is the same.
#
#   launch/tpu_vm.sh --name=NAME --zone=ZONE --type=v5litepod-8 --out=DIR [--bucket=BUCKET] [--spot]
#     [--version=IMAGE] [--project=PROJECT] [--keep] [--dry_run] -- gengap.main --config=... --workdir=runs/NAME
#
# The command runs in a folder whose `runs` is fetched to DIR. With --bucket `runs` lies in that Cloud Storage
# bucket, which all machines see: a slice of several machines needs that, and so does --spot, whose machines
# may be taken away at any time; they are then made again and the run resumes. Of a bucket only the command's
# --workdir (or --out) is fetched, where it names one. --keep leaves the machines.
set -Eeuo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }
die() { printf 'error: %s\n' "$*" >&2; exit 2; }

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
    *) die "$1 is none of the flags; see --help" ;;
  esac
  shift
done
for flag in name zone type out; do
  [[ -n ${!flag} ]] || die "--$flag is missing; see --help"
done
(($#)) || die 'after -- the command is missing, such as: gengap.main --config=configs/vae.py --workdir=runs/vae'
# shellcheck disable=SC2088  # what the shell leaves as it is, as in --out=~/runs
[[ $out != '~' && $out != '~/'* ]] || out=$HOME${out#'~'}
url='^(--[a-z_.]+=)?[A-Za-z][-+.A-Za-z0-9]+:/'
for word in "--out=$out" "$@"; do
  [[ ! $word =~ $url ]] || die "$word: it must be a local path; --bucket=BUCKET makes runs a Cloud Storage bucket"
done
module=$(dirname "$0")/../${1//.//}
[[ -e $module.py ]] || die "$1 is no command of this checkout; name one, such as gengap.main"
[[ $name =~ ^[a-z]([-a-z0-9]*[a-z0-9])?$ ]] || die "--name=$name: small letters, digits and - only"
[[ -z $spot || -n $bucket ]] || die '--spot needs --bucket: what lies on a machine is lost with it'
[[ -z $bucket || $bucket =~ ^[a-z0-9][-_.a-z0-9]*$ ]] || die "--bucket=$bucket: its name alone, such as my-bucket"
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

root=$(cd "$(dirname "$0")/.." && pwd)
where=(--zone="$zone" ${project:+--project="$project"})
poll=${GENGAP_POLL_SECONDS:-20} # between looks at machines that are being made
tries=${GENGAP_TRIES:-5}        # how often machines are made anew, and a lost connection is taken up again

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
finish() { # on every way out
  local status=$?
  trap - EXIT INT TERM
  [[ -z $package ]] || rm -f "$package"
  if [[ -n $made && -z $keep ]]; then
    tpu delete "$name" --quiet || printf 'error: %s may still run, and cost; delete it\n' "$name" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What follows is called where bash does not stop at errors by itself: every step says what follows it.

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

follow() { # prints the log of the first machine to its end; returns the status of the command, 255: not known
  # shellcheck disable=SC2016  # the machine expands it
  on 0 'tail --pid="$(cat pid)" -n +1 -F log' || return 255
  [[ -z $dry_run ]] || { on 0 'cat status'; return 0; }
  local status
  status=$(on 0 'cat status') || return 255
  [[ $status =~ ^[0-9]+$ ]] || return 255
  return "$status"
}

attempt() { # one life of the machines; returns as follow does
  local status
  if ! { create && install && start "$@"; }; then
    [[ $(state) != READY ]] || die "$name: what is printed last failed"
    return 255
  fi
  for _ in $(seq "$tries"); do
    status=0
    follow || status=$?
    ((status == 255)) || return "$status"
    [[ $(state) == READY ]] || return 255
    printf '%s: the connection was lost; taken up again\n' "$name" >&2
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
for life in $(seq "$tries"); do
  status=0
  attempt "$@" || status=$?
  ((status == 255)) || break
  [[ -n $spot ]] || die "$name cannot be made, or is lost"
  printf '%s: life %d of %d is over: it could not be made, or was taken away\n' "$name" "$life" "$tries" >&2
  tpu delete "$name" --quiet || true
  made=''
  sleep "$poll"
done
((status != 255)) || die "$name had $tries lives; the same command goes on"
fetch
exit "$status"
