module exercise-go

go 1.24

require sluicebox/plugin v0.1.0

replace sluicebox/plugin => ../../sdk/go
