/** What a component exports. By the package's name, as a relative path would load the package a second time. */

export { init, process, cabi_realloc } from "sluicebox-plugin-assemblyscript/assembly/glue";
