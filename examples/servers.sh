#!/usr/bin/env bash
# The servers that the examples and their tests talk to, on loopback and never as services of the system:
#   examples/servers.sh install [name ...]   Debian's packages, by apt-get
#   examples/servers.sh start [name ...]     what is not there yet; prints the variables that name them
#   examples/servers.sh status [name ...]
#   examples/servers.sh stop [name ...]      what it has started
# Names: redis mosquitto rabbitmq kafka (kcat's mock of a cluster), and for install and status chromium nginx.
# REDIS_PORT, MOSQUITTO_PORT and RABBITMQ_PORT are theirs instead of 6379, 1883 and 5672. RabbitMQ takes two more, 20,000
# and 20,001 above its own, or RABBITMQ_DIST_PORT and ERL_EPMD_PORT.
set -uo pipefail
umask 077
# Debian's servers lie where the PATH of ordinary users does not look.
PATH="$PATH:/usr/local/sbin:/usr/sbin"

SERVERS=(redis mosquitto rabbitmq kafka)
OTHERS=(chromium nginx)
FOLDER="${XDG_RUNTIME_DIR:-/tmp}/holdfast-examples-$(id -u)"

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$2"
  exit "$1"
}

program() {
  case $1 in
    redis) echo redis-server ;;
    rabbitmq) echo rabbitmq-server ;;
    kafka) echo kcat ;;
    *) echo "$1" ;;
  esac
}

package() {
  case $1 in
    nginx) echo nginx-light ;;
    *) program "$1" ;;
  esac
}

port() {
  case $1 in
    redis) echo "${REDIS_PORT:-6379}" ;;
    mosquitto) echo "${MOSQUITTO_PORT:-1883}" ;;
    rabbitmq) echo "${RABBITMQ_PORT:-5672}" ;;
    # The mock chooses its ports, and says them.
    kafka) sed -n 's/.*bootstrap\.servers=[^:]*:\([0-9]*\).*/\1/p' "$FOLDER/kafka/log" 2>/dev/null | head -n 1 ;;
  esac
}

variable() {
  case $1 in
    redis) echo "REDIS_URL='redis://127.0.0.1:$(port redis)'" ;;
    mosquitto) echo "MQTT_URL='mqtt://127.0.0.1:$(port mosquitto)'" ;;
    rabbitmq) echo "AMQP_URL='amqp://127.0.0.1:$(port rabbitmq)'" ;;
    kafka) echo "KAFKA_BROKERS='127.0.0.1:$(port kafka)'" ;;
  esac
}

is_installed() { command -v "$(program "$1")" >/dev/null; }

answers() {
  local port
  port=$(port "$1")
  [ -n "$port" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# When a process that lives began: with that its number, which is used again, is a name.
born() {
  if [ -d /proc/self ]; then
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
  else
    ps -o lstart= -p "$1"
  fi
}

note_pid() { printf '%s\n%s\n' "$2" "$(born "$2")" >"$FOLDER/$1.pid"; }

# The pid of what this script has started, while that runs.
pid_of() {
  local pid="" birth=""
  { read -r pid && read -r birth; } 2>/dev/null <"$FOLDER/$1.pid" || return 1
  [ -n "$birth" ] && [ "$(born "$pid")" = "$birth" ] && echo "$pid"
}

state_of() {
  if ! is_installed "$1"; then
    echo missing
  elif [[ " ${OTHERS[*]} " == *" $1 "* ]]; then
    echo installed
  elif pid_of "$1" >/dev/null; then
    echo running
  elif [ "$1" != kafka ] && answers "$1"; then
    echo taken
  else
    echo stopped
  fi
}

status() {
  local name state about
  for name in "$@"; do
    state=$(state_of "$name")
    case $state in
      missing) about="Debian's package $(package "$name")" ;;
      running) about="127.0.0.1:$(port "$name"), pid $(pid_of "$name")" ;;
      taken) about="127.0.0.1:$(port "$name") is a server's that this script has not started" ;;
      *) about="" ;;
    esac
    printf '%-10s %-10s %s\n' "$name" "$state" "$about"
  done
}

install() {
  local name wanted=() failed=()
  for name in "$@"; do is_installed "$name" || wanted+=("$(package "$name")"); done
  if [ ${#wanted[@]} -eq 0 ]; then return 0; fi
  command -v apt-get >/dev/null || die 1 "There is no apt-get here. Install what these packages of Debian's have: ${wanted[*]}"
  [ "$(id -u)" -eq 0 ] || die 1 "Only root may: sudo apt-get install --no-install-recommends ${wanted[*]}"
  if [ -d /run/systemd/system ]; then
    say "apt starts servers at once and at every boot; systemctl disable --now redis-server mosquitto rabbitmq-server ends that."
  elif [ ! -e /usr/sbin/policy-rc.d ]; then
    # Without it packages try to start their servers, in a container, too.
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  export DEBIAN_FRONTEND=noninteractive
  umask 022
  apt-get update -qq || say "apt-get update failed; with the lists as they are"
  # One by one: what one release of Debian has not must not cost the others.
  for name in "${wanted[@]}"; do
    apt-get install -qq -y --no-install-recommends "$name" >/dev/null || failed+=("$name")
  done
  [ ${#failed[@]} -eq 0 ] || die 1 "Could not be installed: ${failed[*]}"
}

# In a process group of its own, out of reach of the terminal's Ctrl-C.
launch() {
  local name=$1
  shift
  set -m
  "$@" >"$FOLDER/$name.log" 2>&1 </dev/null &
  set +m
  note_pid "$name" $!
}

launch_redis() {
  launch redis redis-server --bind 127.0.0.1 --port "$(port redis)" --dir "$FOLDER/redis" \
    --save '' --appendonly no
}

launch_mosquitto() {
  # As root it would become another user, who may not read this folder.
  printf 'listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nuser %s\n' \
    "$(port mosquitto)" "$(id -un)" >"$FOLDER/mosquitto/mosquitto.conf"
  launch mosquitto mosquitto -c "$FOLDER/mosquitto/mosquitto.conf"
}

launch_rabbitmq() {
  local own="$FOLDER/rabbitmq" port script=/usr/lib/rabbitmq/bin/rabbitmq-server
  port=$(port rabbitmq)
  # Debian's /usr/sbin/rabbitmq-server is for root, and for the folders of the service.
  [ -x "$script" ] || script=rabbitmq-server
  export HOME="$own" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="${ERL_EPMD_PORT:-$((port + 20001))}"
  export RABBITMQ_NODENAME=holdfast-examples@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
  export RABBITMQ_NODE_PORT=$port RABBITMQ_DIST_PORT="${RABBITMQ_DIST_PORT:-$((port + 20000))}"
  export RABBITMQ_MNESIA_BASE="$own/data" RABBITMQ_LOG_BASE="$own/log" RABBITMQ_LOGS=-
  export RABBITMQ_CONFIG_FILE="$own/none" RABBITMQ_ADVANCED_CONFIG_FILE="$own/none.config"
  export RABBITMQ_CONF_ENV_FILE="$own/none.env" RABBITMQ_ENABLED_PLUGINS_FILE="$own/plugins"
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
  echo '[].' >"$own/plugins"
  # Erlang would start one that stays.
  launch epmd epmd
  launch rabbitmq "$script"
}

launch_kafka() {
  # It ends with its standard input: one that never ends, as it is its own writer.
  mkfifo "$FOLDER/kafka/stdin"
  launch kafka mock_of_kafka
}

# A producer of messages that never come, to a cluster of its own. Where that is, its log tells; the rest would fill the disk.
mock_of_kafka() {
  exec kcat -P -b mock -X test.mock.num.brokers=1 -d mock -t unused \
    <>"$FOLDER/kafka/stdin" 2> >(exec grep --line-buffered bootstrap.servers >"$FOLDER/kafka/log")
}

await() {
  local name=$1 pid deadline=$((SECONDS + 90))
  while ! answers "$name"; do
    if ! pid=$(pid_of "$name") || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$FOLDER/$name.log" >&2
      end "$name"
      die 1 "$name does not start${pid:+ within 90 s}."
    fi
    sleep 0.1
  done
}

start() {
  local name result=0
  # A folder of somebody else's could be a trap in /tmp.
  mkdir -p "$FOLDER" || exit 1
  if [ ! -O "$FOLDER" ] || [ -L "$FOLDER" ]; then die 1 "$FOLDER is not this user's own folder."; fi
  chmod 700 "$FOLDER"
  for name in "$@"; do
    case $(state_of "$name") in
      missing)
        say "$name is not installed (Debian: $(package "$name")): examples/servers.sh install $name"
        result=1
        continue
        ;;
      installed) say "$name: installed; there is nothing to start" ;;
      taken) say "$name: 127.0.0.1:$(port "$name") is taken; what runs there is used" ;;
      running) say "$name: runs already, pid $(pid_of "$name")" ;;
      stopped)
        rm -rf "${FOLDER:?}/$name"
        mkdir "$FOLDER/$name"
        # What it exports is that one server's.
        ("launch_$name")
        await "$name"
        say "$name: 127.0.0.1:$(port "$name"), pid $(pid_of "$name")"
        ;;
    esac
    [[ " ${OTHERS[*]} " == *" $name "* ]] || echo "export $(variable "$name")"
  done
  return $result
}

end() {
  local name=$1 pid deadline=$((SECONDS + 20))
  if pid=$(pid_of "$name"); then
    # The mock waits for its input, and keeps nothing that could be spoilt.
    if [ "$name" = kafka ]; then kill -KILL "$pid"; else kill -TERM "$pid"; fi
    while pid_of "$name" >/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
    # What it has left, and itself where it did not end.
    kill -KILL -- "-$pid" 2>/dev/null
  fi
  if [ "$name" = rabbitmq ]; then end epmd; fi
  rm -rf "${FOLDER:?}/$name" "$FOLDER/$name.log" "$FOLDER/$name.pid"
}

stop() {
  local name
  for name in "$@"; do
    if pid_of "$name" >/dev/null; then say "$name: stopped"; fi
    end "$name"
  done
  rmdir "$FOLDER" 2>/dev/null || true
}

action=${1:-}
[[ " install start status stop " == *" $action "* ]] || die 2 "Usage: examples/servers.sh install|start|status|stop [${SERVERS[*]} ${OTHERS[*]}]"
shift
for name in "$@"; do
  [[ " ${SERVERS[*]} ${OTHERS[*]} " == *" $name "* ]] || die 2 "There is no $name here: ${SERVERS[*]} ${OTHERS[*]}"
done
if [ $# -eq 0 ]; then
  set -- "${SERVERS[@]}"
  if [ "$action" = install ] || [ "$action" = status ]; then set -- "${SERVERS[@]}" "${OTHERS[@]}"; fi
fi
"$action" "$@"
