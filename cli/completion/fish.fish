# keyhold completion for fish. In ~/.config/fish/config.fish: keyhold completion fish | source
complete -c keyhold -a '(keyhold __complete fish (commandline -opc) (commandline -ct) 2>/dev/null)'
