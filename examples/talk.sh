# A socket takes one client at a time; what it sends goes to the guest, and the answer comes back.
echo "hello, agent" | socat -t 1 STDIO UNIX-CONNECT:agent

# A terminal has a path of its own, which the command tells.
terminal=$(xlchannel show 1 org.example.console | awk '$1 == "path" { print $2 }')
echo "hello, console" | socat -t 1 STDIO "$terminal,raw,echo=0"

# What the guest writes to a channel with a file is appended to it.
cat log
