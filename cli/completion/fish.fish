# keyhold completion for fish. In ~/.config/fish/config.fish: keyhold completion fish | source
complete -c keyhold -f -a '(keyhold __complete fish (commandline -opc) (commandline -ct) 2>/dev/null)'
complete -c keyhold -n 'keyhold __complete files (commandline -opc) (commandline -ct) 2>/dev/null | string length -q' -F
