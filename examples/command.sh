# add prints the channel's devid, and where it is reached: a terminal, a socket or a file.
xlchannel add 1 org.example.shell pty
xlchannel add 1 org.example.backup socket "$PWD/backup"

# The channels of a guest as a table, those of all guests in JSON, and all about one.
xlchannel list 1
xlchannel list --json
xlchannel show 1 org.example.shell

# Removal, by name or devid, returns when guest and backend have let go.
xlchannel remove 1 org.example.shell org.example.backup
