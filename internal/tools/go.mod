module github.com/keyhold/keyhold/internal/tools

go 1.26.0

tool (
	github.com/ashanbrown/forbidigo/v2
	github.com/jingyugao/rowserrcheck
	github.com/polyfloyd/go-errorlint
	github.com/ryanrolds/sqlclosecheck
	honnef.co/go/tools/cmd/staticcheck
)

require (
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/ashanbrown/forbidigo/v2 v2.3.1 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/jingyugao/rowserrcheck v1.1.1 // indirect
	github.com/polyfloyd/go-errorlint v1.8.0 // indirect
	github.com/ryanrolds/sqlclosecheck v0.6.0 // indirect
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)
