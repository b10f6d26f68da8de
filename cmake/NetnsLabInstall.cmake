# `make install`: the command, the library for suites of one's own (find_package(NetnsLab), link netns_lab::main), and the fixtures.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(netns_lab_libraries base model process netlink netns probe protocol node lab target conformance testing reports cli)
set(netns_lab_targets)
foreach(name ${netns_lab_libraries})
  list(APPEND netns_lab_targets netns_lab_${name})
  set_target_properties(netns_lab_${name} PROPERTIES EXPORT_NAME ${name})
  get_target_property(type netns_lab_${name} TYPE)
  set(scope PUBLIC)
  if(type STREQUAL "INTERFACE_LIBRARY")
    set(scope INTERFACE)
  endif()
  target_include_directories(netns_lab_${name} ${scope} "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/netns-lab>")
endforeach()

# The two names a user's project links: everything, and everything with main()'s inside (harness/cli/main.h).
add_library(netns_lab_harness INTERFACE)
target_link_libraries(netns_lab_harness INTERFACE netns_lab_testing netns_lab_reports)
set_target_properties(netns_lab_harness PROPERTIES EXPORT_NAME harness)
add_library(netns_lab::harness ALIAS netns_lab_harness)
add_library(netns_lab_main INTERFACE)
target_link_libraries(netns_lab_main INTERFACE netns_lab_cli)
set_target_properties(netns_lab_main PROPERTIES EXPORT_NAME main)
add_library(netns_lab::main ALIAS netns_lab_main)

install(TARGETS ${netns_lab_targets} netns_lab_harness netns_lab_main EXPORT NetnsLabTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/netns-lab)
install(EXPORT NetnsLabTargets NAMESPACE netns_lab:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/NetnsLab)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/NetnsLabConfig.cmake.in" "${PROJECT_BINARY_DIR}/NetnsLabConfig.cmake"
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/NetnsLab)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/NetnsLabConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/NetnsLabConfig.cmake" "${PROJECT_BINARY_DIR}/NetnsLabConfigVersion.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/NetnsLab)
install(DIRECTORY harness reports DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/netns-lab FILES_MATCHING PATTERN "*.h")
install(DIRECTORY fixtures/ DESTINATION ${CMAKE_INSTALL_DATADIR}/netns-lab/fixtures USE_SOURCE_PERMISSIONS)
if(TARGET netns-lab)
  install(TARGETS netns-lab RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
