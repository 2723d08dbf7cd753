package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examplesOf are what people type, by verb.
//
//nolint:gosec // a file of secrets is named, and no secret
var examplesOf = map[string]string{
	"serve": `numhook serve --dev
numhook serve --secret-file secrets --store sqlite:/var/lib/numhook/numhook.db
numhook serve --secret-file secrets --config downstreams.yaml --tls-cert cert.pem --tls-key key.pem`,
	"send": `numhook send cnam_updated
numhook send --number +12025550143 --set cnam=ACME cnam_updated
numhook send --challenge --url https://numbers.example.com/
numhook send --count 1000 --rate 100 emergency_address_updated`,
	"validate": `numhook validate payloads/
numhook validate --strict --format github payloads/*.json`,
	"numbers list": `numhook numbers list
numhook numbers list --prefix +1202 --attribute cnam
numhook numbers list --limit 0 --format csv`,
	"numbers show": `numhook numbers show '+1 202-555-0143'
numhook numbers show +12025550143 --history
numhook numbers show +12025550143 --as-of '2026-11-28 08:00'`,
	"events list": `numhook events list
numhook events list --number '+1 202-555-0143' --since yesterday
numhook events list --event cnam_updated --account Fq7cXl2sT5-nEJc3bVzP1w
numhook events list --limit 0 --format csv`,
	"events show": `numhook events show 614303695437
numhook events show chg_0f6f1ae2c6b1d0a2f2a9d1f8a4be1a7c
numhook events show b2a9e8f4-1d8c-4f6e-9f43-6a1d3f2c7b10 --format raw`,
	"quarantine list": `numhook quarantine list
numhook quarantine list --all --format json`,
	"quarantine show": `numhook quarantine show 3
numhook quarantine show 3 --format raw`,
	"quarantine redrive": `numhook quarantine redrive --dry-run
numhook quarantine redrive 3`,
	"quarantine discard": `numhook quarantine discard 3 4`,
	"downstreams status": `numhook downstreams status
numhook downstreams status crm`,
	"downstreams pause":  `numhook downstreams pause crm --why 'it is being moved'`,
	"downstreams resume": `numhook downstreams resume crm`,
	"downstreams remove": `numhook downstreams remove crm --yes`,
	"deliveries list": `numhook deliveries list
numhook deliveries list --downstream crm --state dead
numhook deliveries list --number +12025550143 --state all`,
	"deliveries show": `numhook deliveries show 17
numhook deliveries show chg_0f6f1ae2c6b1d0a2f2a9d1f8a4be1a7c`,
	"deliveries retry": `numhook deliveries retry 17
numhook deliveries retry --dead --downstream crm
numhook deliveries retry --waiting --downstream crm --why 'it is back'`,
	"deliveries skip": `numhook deliveries skip 17 --why 'the number was given back'
numhook deliveries skip --dead --downstream crm`,
	"replay": `numhook replay --downstream crm --since yesterday --dry-run
numhook replay --number +12025550143
numhook replay --all`,
	"recover": `numhook recover --config numhook.yaml --dry-run
numhook recover --config numhook.yaml --from 3d`,
	"accesses list": `numhook accesses list
numhook accesses list --object +12025550143`,
	"token new":      `numhook token new --name alice --role reader`,
	"store check":    `numhook store check`,
	"config check":   `numhook config check --config downstreams.yaml`,
	"config example": `numhook config example > downstreams.yaml`,
	"config schema":  `numhook config schema > downstreams.schema.json`,
	"spec diff": `numhook spec diff new.json
numhook spec diff --format markdown old.json new.json`,
	"spec rehearse":         `numhook spec rehearse new.json`,
	"spec show":             `numhook spec show --composed`,
	"spec schema":           `numhook spec schema cnam_updated`,
	"version":               `numhook version`,
	"completion bash":       `numhook completion bash > /etc/bash_completion.d/numhook`,
	"completion zsh":        `numhook completion zsh > "${fpath[1]}/_numhook"`,
	"completion fish":       `numhook completion fish > ~/.config/fish/completions/numhook.fish`,
	"completion powershell": `numhook completion powershell | Out-String | Invoke-Expression`,
}

// showExamples gives every verb below its examples.
func showExamples(verb *cobra.Command) {
	for _, next := range verb.Commands() {
		showExamples(next)
	}
	_, name, _ := strings.Cut(verb.CommandPath(), " ")
	if text, ok := examplesOf[name]; ok {
		verb.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
}
