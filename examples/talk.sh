# A socket takes one client at a time; what it sends goes to the guest, and the answer comes back.
echo "hello, agent" | socat -t 1 STDIO UNIX-CONNECT:agent

# A terminal's name is in xenstore, where libxl_device_channel_getinfo finds it too.
terminal=$(xenstore-read /local/domain/1/device/console/1/tty)
echo "hello, console" | socat -t 1 STDIO "$terminal,raw,echo=0"

# What the guest writes to a channel with a file is appended to it.
cat log
