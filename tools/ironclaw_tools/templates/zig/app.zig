//! The tools of NAME.
const std = @import("std");
const ironclaw = @import("ironclaw");

const Greet = struct { name: []const u8, loudly: bool = false };

fn greet(args: Greet) ironclaw.Error![]const u8 {
    if (std.mem.trim(u8, args.name, " ").len == 0) return ironclaw.fail(.invalid_input, "name is empty", .{});
    return ironclaw.format("Hello, {s}{s}", .{ args.name, if (args.loudly) "!" else "." });
}

comptime {
    ironclaw.tools(.{.{ "NAME.greet", greet }});
}
