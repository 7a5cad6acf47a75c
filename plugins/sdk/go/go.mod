module sluicebox/plugin

go 1.24
