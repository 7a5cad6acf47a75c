#!/bin/sh
# What `cargo xtask package --check` runs in a small Debian that systemd has booted: the service is started, reloaded,
# found hung, and stopped. No broker answers there, for which a start must not wait. Ends with "passed", or behind the
# command that failed.
exec > /root/said 2>&1
set -x
pipelines=/etc/sluicebox/pipelines

# Waits for a line in the service's log.
logged() {
    until journalctl --unit sluicebox --output cat | grep --quiet "$1"; do sleep 0.2; done
}
main_pid() {
    systemctl show sluicebox --property MainPID --value
}

try() {
    set -e
    mv /root/orders.yaml $pipelines/
    systemctl start sluicebox
    systemctl is-active sluicebox
    [ -n "$(ls /var/cache/sluicebox/*.cwasm)" ]
    grep --quiet 'CapEff:.0*$' "/proc/$(main_pid)/status"
    [ "$(stat --format %U "/proc/$(main_pid)")" = sluicebox ]

    systemctl reload sluicebox
    logged 'SIGHUP: reading the pipeline files again'

    # A loop that does not turn is found by the watchdog, and the service is started again.
    hung=$(main_pid)
    kill -STOP "$hung"
    logged 'Watchdog timeout'
    until [ "$(main_pid)" != "$hung" ] && systemctl is-active sluicebox; do sleep 0.2; done

    systemctl stop sluicebox
    [ "$(systemctl show sluicebox --property Result --value)" = success ]

    # A file that is wrong is refused before the start.
    echo wrong: 1 >> $pipelines/orders.yaml
    if systemctl start sluicebox; then exit 1; fi
    logged 'unknown key'
    echo passed
}
(try)
systemctl poweroff
